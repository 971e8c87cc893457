"""The customer context: messages to the customers of the cleaning service."""
