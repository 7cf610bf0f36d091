"""Why a service ended, explained from its last traces."""
