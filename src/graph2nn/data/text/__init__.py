"""Pairs of sentences for translation: files, vocabulary, batches by length."""
