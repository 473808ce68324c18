"""From speech to seven numbers of a mouth per frame. Knows no picture."""
