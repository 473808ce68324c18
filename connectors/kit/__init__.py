"""Parts every browser connector is built of: sound server, virtual devices, browser, capture. Knows no platform."""
