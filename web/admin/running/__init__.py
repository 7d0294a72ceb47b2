"""How it runs: what needs somebody, the settings, the doctor, who changed what."""
