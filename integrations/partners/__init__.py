"""The partners: WorldTracer, SMS by Twilio and email by SendGrid, behind ports in our own words."""
