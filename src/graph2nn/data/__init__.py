"""Data sets held as uint8, cached once decoded, augmented in whole batches on the device."""
