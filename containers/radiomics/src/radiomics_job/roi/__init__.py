"""Regions of interest: from SEG and RTSTRUCT, paired with their CT, chosen by rule."""
