"""The customer context: what customers of the cleaning service are told about their calls."""
