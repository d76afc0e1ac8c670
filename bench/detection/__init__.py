"""How well requests are classified, and at what cost, beside Presidio and detect-secrets."""
