"""From any still to a record the portrait engine can animate: done once; the running engine needs none of it."""
