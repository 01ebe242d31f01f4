"""What plugins describe and implement, and how Prunus finds them."""
