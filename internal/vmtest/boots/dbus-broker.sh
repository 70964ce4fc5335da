# What systemctl enable dbus-broker.service leaves: the unit that dbus.socket
# starts is another one.
ln -sf /lib/systemd/system/dbus-broker.service /etc/systemd/system/dbus.service
mkdir -p /etc/systemd/user
ln -sf /usr/lib/systemd/user/dbus-broker.service /etc/systemd/user/dbus.service
