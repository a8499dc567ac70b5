"""Bundles that ship with tfcovid."""
