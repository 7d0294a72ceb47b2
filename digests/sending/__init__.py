"""From the ledger to the mail servers, and back into the ledger."""
