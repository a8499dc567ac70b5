RESEARCH_USE = "Research use only. Not a medical device; not for diagnosis or treatment."
