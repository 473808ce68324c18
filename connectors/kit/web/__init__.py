"""A meeting by a platform's web page: what a page shows, what it means, the connector all such platforms share."""
