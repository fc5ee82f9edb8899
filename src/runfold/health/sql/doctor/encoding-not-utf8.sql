-- The database has another encoding than UTF8.
--
-- Digests and seals are computed over UTF-8, and events hold any character.
--
-- severity: error
-- see: how-to/use-your-own-postgresql.md
SELECT 'database ' || current_database() AS object,
       format('its encoding is %%s: not every event can be stored', current_setting('server_encoding')) AS problem,
       'create a database with ENCODING ''UTF8'' TEMPLATE template0, and restore a dump into it' AS remedy
 WHERE current_setting('server_encoding') <> 'UTF8'
