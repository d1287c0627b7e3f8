"""Root fields: queries, mutations and subscriptions."""
