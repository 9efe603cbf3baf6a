# An ESME on Net::SMPP: binds, submits what it is told, says how each was answered, unbinds.
use strict;
use warnings;
use JSON::PP;
use Net::SMPP;

$| = 1;
my $json = JSON::PP->new->canonical->allow_nonref;
sub say_ { print $json->encode({ $_[0] => $_[1] }), "\n" }

my $setup = $json->decode(scalar <STDIN>);
my ($smpp, $resp) = Net::SMPP->new_transceiver(
    '127.0.0.1',
    port      => $setup->{port},
    system_id => $setup->{system_id},
    password  => $setup->{password},
) or die "no connection: $!";
say_('bound', 0 + $resp->{status});
exit if $resp->{status};

for my $message (@{ $setup->{messages} }) {
    (my $from = $message->{from}) =~ s/^\+//;
    my $answer = $smpp->submit_sm(
        source_addr_ton  => 1,
        source_addr_npi  => 1,
        source_addr      => $from,
        dest_addr_ton    => 1,
        dest_addr_npi    => 1,
        destination_addr => '8610690001',
        data_coding      => $message->{coding},
        short_message    => $message->{text},
    ) or die "no answer";
    say_('answered', { status => 0 + $answer->{status}, message_id => $answer->{message_id} });
}
my $enquired = $smpp->enquire_link() or die "no answer";
say_('enquired', 0 + $enquired->{status});
my $unbound = $smpp->unbind() or die "no answer";
say_('unbound', 0 + $unbound->{status});
