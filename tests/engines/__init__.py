"""The engine servers, each with its real model."""
