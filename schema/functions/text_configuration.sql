-- The text search configuration of a language, or null for one that is not known.
--
-- The constants make it immutable. A column of type regconfig would stop pg_upgrade. RETURN, and no text: so pg_dump
-- knows the configurations that it names, and restores them first.
--
-- grant: engine, operator, authenticated, service_role
CREATE FUNCTION runfold.text_configuration(language text) RETURNS regconfig
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE language
           WHEN 'simple' THEN 'runfold.runfold_simple'::regconfig
           WHEN 'arabic' THEN 'runfold.runfold_arabic'::regconfig
           WHEN 'armenian' THEN 'runfold.runfold_armenian'::regconfig
           WHEN 'basque' THEN 'runfold.runfold_basque'::regconfig
           WHEN 'catalan' THEN 'runfold.runfold_catalan'::regconfig
           WHEN 'danish' THEN 'runfold.runfold_danish'::regconfig
           WHEN 'dutch' THEN 'runfold.runfold_dutch'::regconfig
           WHEN 'english' THEN 'runfold.runfold_english'::regconfig
           WHEN 'finnish' THEN 'runfold.runfold_finnish'::regconfig
           WHEN 'french' THEN 'runfold.runfold_french'::regconfig
           WHEN 'german' THEN 'runfold.runfold_german'::regconfig
           WHEN 'greek' THEN 'runfold.runfold_greek'::regconfig
           WHEN 'hindi' THEN 'runfold.runfold_hindi'::regconfig
           WHEN 'hungarian' THEN 'runfold.runfold_hungarian'::regconfig
           WHEN 'indonesian' THEN 'runfold.runfold_indonesian'::regconfig
           WHEN 'irish' THEN 'runfold.runfold_irish'::regconfig
           WHEN 'italian' THEN 'runfold.runfold_italian'::regconfig
           WHEN 'lithuanian' THEN 'runfold.runfold_lithuanian'::regconfig
           WHEN 'nepali' THEN 'runfold.runfold_nepali'::regconfig
           WHEN 'norwegian' THEN 'runfold.runfold_norwegian'::regconfig
           WHEN 'portuguese' THEN 'runfold.runfold_portuguese'::regconfig
           WHEN 'romanian' THEN 'runfold.runfold_romanian'::regconfig
           WHEN 'russian' THEN 'runfold.runfold_russian'::regconfig
           WHEN 'serbian' THEN 'runfold.runfold_serbian'::regconfig
           WHEN 'spanish' THEN 'runfold.runfold_spanish'::regconfig
           WHEN 'swedish' THEN 'runfold.runfold_swedish'::regconfig
           WHEN 'tamil' THEN 'runfold.runfold_tamil'::regconfig
           WHEN 'turkish' THEN 'runfold.runfold_turkish'::regconfig
           WHEN 'yiddish' THEN 'runfold.runfold_yiddish'::regconfig
           END;
