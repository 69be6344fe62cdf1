"""What answers hold: every field with what it means, its unit and an example. The OpenAPI document is made of them."""
