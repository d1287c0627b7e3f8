"""Notification of passengers and partners: content, channels and delivery reports."""
