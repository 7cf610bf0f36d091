"""The operator's screen: draws what the show tells and sends what the operator wants; nothing else."""
