"""The laptop cloud as a whole: start it, deploy to it, stop it."""
