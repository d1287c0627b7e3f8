"""Partners: WorldTracer, SMS by Twilio and email by SendGrid, behind ports in the product's terms."""
