"""Pure nouns and rules: bot states, refusals' outcomes, leave rules. Imports the standard library only."""
