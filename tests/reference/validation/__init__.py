"""What is wrong raises: of a configuration, of the arguments, on the way back."""
