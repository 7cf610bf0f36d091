"""The jaw: its board, and the thread that plays its track."""
