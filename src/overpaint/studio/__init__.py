"""The Studio: editing, trying and comparing in a browser. It needs the extra ``studio`` (Gradio)."""
