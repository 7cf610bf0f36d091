"""Drawing without widgets: styled lines, colours, bars and pictures for a terminal."""
