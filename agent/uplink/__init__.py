"""Enrolment, outbox and client."""
