"""What tests share: shows, terminals and visitors to test with."""
