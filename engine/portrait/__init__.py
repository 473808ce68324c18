"""The portrait engine: one still and its record become a talking head, on the CPU. Knows no meeting and no device."""
