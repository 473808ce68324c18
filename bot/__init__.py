"""The product: decides when to join, when to speak and what to say, remembers, and serves those who ask."""
