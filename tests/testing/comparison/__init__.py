"""Every checker over the corpus, and the page that tells what they said."""
