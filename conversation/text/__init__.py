"""Model text to clauses for the voice: no thoughts, no calls, no markup."""
