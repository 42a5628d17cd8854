"""From the records of a sweep folder to tables: collected, told apart by setting, with how they were made."""
