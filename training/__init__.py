"""What the shipped models were trained with. No part of the product."""
