"""Deployment in seven steps: ``python -m gateway deploy``, which ``scripts/deploy_production.sh`` runs."""

DEPLOYMENT_STEPS = ("validate", "migrate", "initialise", "seed", "health", "rollout", "verify")
