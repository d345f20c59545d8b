"""A user's own data: arrays, folders of images, tables, torch data sets, and well-known file formats."""
