"""One tree of processes with one owner: started in order, kept alive, stopped in reverse order, none left behind."""
