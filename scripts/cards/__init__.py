"""The cards of the bundled models: what is measured, how, and the page that shows it."""
