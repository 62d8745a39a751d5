"""PET beside CT: which series, standardised uptake values, regions on its grid."""
