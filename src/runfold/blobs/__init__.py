"""Large values of tenants, which events refer to: references, their homes, and what is checked of them."""
