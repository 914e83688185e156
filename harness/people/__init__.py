"""What people say of answers: campaigns of ratings, agreement of raters, and how far metrics and judges agree with
them.
"""
