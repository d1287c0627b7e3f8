"""What the product does, per noun and batch first; knows no GraphQL library and no HTTP."""
