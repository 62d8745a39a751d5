"""What a cohort will need before anything runs: machines, minutes and dollars."""
