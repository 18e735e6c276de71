"""Users, their groups and calendars: made by rule, so that a million of them need no memory."""
