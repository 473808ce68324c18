"""What this machine has and lacks for the product to work. Looks only: it installs and changes nothing."""
