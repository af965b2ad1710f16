"""To be filled."""

import streamlit as st

from ui.empty import need

inspection = need("triggers")
st.title("Triggers")
