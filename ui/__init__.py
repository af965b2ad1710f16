"""Streamlit pieces shared by pages; no analysis."""
