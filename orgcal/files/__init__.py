"""Files written whole and in private, and YAML and dotenv files edited in place."""
