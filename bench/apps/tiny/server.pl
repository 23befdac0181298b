# A process of 8 MB, so that 300 of them fit on one machine; one request at a time.
use strict; use warnings; use Socket;
open my $file, '<', 'VERSION' or die; my $version = <$file>; chomp $version;
socket my $listener, PF_INET, SOCK_STREAM, 0 or die; setsockopt $listener, SOL_SOCKET, SO_REUSEADDR, 1;
bind $listener, sockaddr_in($ENV{PORT}, INADDR_ANY) or die; listen $listener, 128 or die;
$SIG{TERM} = sub { exit 0 }; $SIG{PIPE} = 'IGNORE';
while (accept my $client, $listener) {
  sysread $client, my $request, 8192;
  syswrite $client, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: " . length($version) . "\r\n\r\n$version";
  close $client;
}
